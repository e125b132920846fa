"""Writing: drafts, versions, publishing, and the help pages. What is published belongs to `kb_index`."""
