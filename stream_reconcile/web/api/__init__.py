"""The API for reading, `/api/v1`: what there is stands in `resources`, how it behaves in docs/api.md.

params     what a caller may say, checked
paging     opaque cursors
endpoint   one path: from its declaration to the answer
resources  the paths
shapes     answers that are no rows
openapi    the document, from all that
events     changes, as they happen
"""
