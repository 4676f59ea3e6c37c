"""Where rows live, cut into blocks."""
