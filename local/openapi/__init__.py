"""The OpenAPI document and the page of Driveway's HTTP API, made from the code.

Routes come from the functions' own tables, bodies from their parsers, problem types from where they are raised, and
every example from a call that was made to the functions while the document was built.
"""
