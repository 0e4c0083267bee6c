"""Networks, data, fitting, training and measurement, and the command line that joins them with searches and reports.

The public Python API is `explorer.api`, which ``import filterfront as ff`` offers under that name.
"""
