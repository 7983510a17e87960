"""Times as an operations desk reads them: sortable, to the second, UTC."""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"
