"""The status page: HTML made here with the API's readers, so that it says the same; a script brings it up to date.

render     templates, and how values are written for people
chart      lag over time, as SVG
overview   the first page, and the part of it that changes
aside      what the demo puts beside the first page
lists      a page for each list of the API
routes     their addresses, pages for one order and one discrepancy, and what is said when something goes wrong
"""
