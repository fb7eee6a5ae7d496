"""Addresses that need geography only."""

from django.urls import re_path

from areas import views

urlpatterns = [
    re_path(
        r"^tiles/(?P<tile_hash>[0-9a-f]{32})/(?P<z>[0-9]{1,2})/(?P<x>[0-9]{1,9})"
        r"/(?P<y>[0-9]{1,9})\.mvt$",
        lambda request, tile_hash, z, x, y: views.tile(request, tile_hash, int(z), int(x), int(y)),
        name="tile",
    ),
]
