"""Addresses that need geography only."""

from django.urls import re_path

from areas import views

urlpatterns = [
    re_path(
        r"^tiles/(?P<tile_hash>[0-9a-f]{32})/(?P<z>\d{1,2})/(?P<x>\d+)/(?P<y>\d+)\.mvt$",
        lambda request, tile_hash, z, x, y: views.tile(request, tile_hash, int(z), int(x), int(y)),
        name="tile",
    ),
]
