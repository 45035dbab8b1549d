"""Sites on screens: whoever looks has them as they are now, with whom to call there."""

from collections import defaultdict
from collections.abc import Callable

from tocsin_server.fleet.directory import Directory, Site
from tocsin_server.fleet.sites import SiteView
from tocsin_server.web import frames


class SiteFrames:
    """Tells the screens of a jurisdiction when a site of theirs is another one than before."""

    def __init__(self, directory: Directory, *, show: Callable[[str, bytes], None]) -> None:
        self._directory = directory
        self._show = show
        self._shown = self._read()
        directory.on_change(self._changed)

    def _read(self) -> dict[str, list[Site]]:
        of_jurisdiction: dict[str, list[Site]] = defaultdict(list)
        for site in self._directory.entries.sites.values():
            of_jurisdiction[site.jurisdiction].append(site)
        return of_jurisdiction

    def _changed(self) -> None:
        before, self._shown = self._shown, self._read()
        for jurisdiction in before.keys() | self._shown.keys():
            sites = self._shown[jurisdiction]
            if sites != before[jurisdiction]:
                self._show(jurisdiction, frames.sites([site_view(site) for site in sites]))


def site_view(site: Site) -> SiteView:
    """Give a site as screens list it."""
    return SiteView(**{name: getattr(site, name) for name in SiteView.__struct_fields__})
