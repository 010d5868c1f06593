"""The door for files: FHIR R4, CSV and HL7 v2, translated, then handed to the services."""
