"""What people may send, checked before any service sees it: one module a page."""
