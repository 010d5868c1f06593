"""The door for files: FHIR R4 bundles and CSV, translated, then handed to the slices' services."""
