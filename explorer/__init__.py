"""Networks, data, fitting, training and measurement, and the command line that joins them with searches and reports."""
