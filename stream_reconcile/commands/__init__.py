"""The commands of `stream-reconcile`, a module each. They put settings, servers, jobs and web together, and print."""
