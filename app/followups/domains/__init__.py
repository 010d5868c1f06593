"""What a follow-up asks about, one file a domain: wire shape, unit, range and direction."""
