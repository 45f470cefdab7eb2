"""A company from a directory of CSV files: every bad row reported at once, all or nothing. See FORMAT.md."""

from truckroll.importing.faults import Fault, write_report
from truckroll.importing.run import ImportResult, Request, import_company

__all__ = ["Fault", "ImportResult", "Request", "import_company", "write_report"]
