"""Side by side with other libraries: `make bench`, explained in docs/performance.md."""
