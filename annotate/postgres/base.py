"""The backend class that Django loads for `ENGINE = "annotate.postgres"`."""

import time
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from annotate.postgres import server

RECONNECT_TIMEOUT_S = 20


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL connection, to a server that is started when it is first needed."""

    def get_connection_params(self) -> dict[str, Any]:
        """Give psycopg's parameters, with the running server's socket folder as the host."""
        params = super().get_connection_params()
        params["host"] = server.socket_dir_of(Path(params.pop("pgdata")))
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; create the database when it is missing, start the server again when refused."""
        deadline = time.monotonic() + RECONNECT_TIMEOUT_S
        while True:
            try:
                return super().get_new_connection(conn_params)
            except base.Database.OperationalError as error:
                if time.monotonic() > deadline:
                    raise OperationalError(str(error)) from error
                if "does not exist" not in str(error):
                    time.sleep(0.3)
                    server.forget(Path(self.settings_dict["OPTIONS"]["pgdata"]))
                    conn_params = self.get_connection_params()
                elif conn_params["dbname"] == self.settings_dict["NAME"] and not self._is_test():
                    server.create_database(
                        socket_dir=conn_params["host"], name=conn_params["dbname"]
                    )
                else:
                    raise

    def _is_test(self) -> bool:
        """Tell whether this is a test database, which Django's runner creates by itself."""
        return str(self.settings_dict["NAME"]).startswith("test_")
