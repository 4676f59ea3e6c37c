"""A fitted model as a document."""
