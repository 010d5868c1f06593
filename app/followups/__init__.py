"""The visit, call, message or check-in, its six domains, and side effects over time."""
