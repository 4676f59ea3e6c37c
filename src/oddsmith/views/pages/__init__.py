"""Pages of HTML that open from disk, and need no network."""
