"""What `stream-reconcile check` looks at, a module for each part."""
