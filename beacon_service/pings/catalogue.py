"""The catalogue that this process decides by, brought up to date whenever a transaction finds it behind."""

import gc
import threading

from sqlalchemy import Engine

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration import store
from beacon_service.configuration.model import Documents
from beacon_service.db import Connection, transaction
from beacon_service.engine import Catalogue
from beacon_service.positioning.service import radio_map
from beacon_service.zones.catalogue import LoadMap, Places
from beacon_service.zones.model import SiteId


class CatalogueCache:
    """Holds one version. Readers take `current` once and go on with it, whatever is loaded meanwhile."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self.current = Catalogue.of(0, Places(), Programme())

    def newest(self, engine: Engine) -> Catalogue:
        """The catalogue as it is now, for those who do not decide by it and so hold no lock that would tell."""
        with transaction(engine) as connection:
            version = store.version(connection)
        return self.refresh(engine, wanted=version)

    def refresh(self, engine: Engine, *, wanted: int) -> Catalogue:
        """Load what changed since the version at hand, unless another thread has just done so.

        A database that is behind us was restored from a backup: then everything is loaded anew.
        """
        with self._loading:
            held = self.current
            if held.version == wanted:
                return held
            anew = wanted < held.version
            with transaction(engine) as connection:
                changes = store.read(connection, since=0 if anew else held.version)
                maps = _maps(connection, changes)
                places = (Places() if anew else held.places).updated(changes, maps)
            programme = (Programme() if anew else held.programme).updated(changes)
            self.current = Catalogue.of(changes.version, places, programme, held)
            # It lives until the next edit: the garbage collector need not walk all of it again and again.
            gc.collect()
            gc.freeze()
            return self.current


def _maps(connection: Connection, changes: Documents) -> LoadMap:
    """Radio maps as these changes name them, loaded at once; one that is not what was put into use is none."""
    named = [(SiteId(site), body) for site, body in changes.of("radio_map") if body is not None]
    found = {
        (site, body["number"]): radio_map(connection, site, body["number"], body["sha256"])
        for site, body in named
    }
    return lambda site, number: found[site, number]
