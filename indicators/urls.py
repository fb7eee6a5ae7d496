"""Addresses of pages and of what they fetch."""

from django.urls import path

from indicators.views import pages, parts

urlpatterns = [
    path("", pages.home, name="home"),
    path("areas/<str:code>/", pages.area_profile, name="area"),
    path("areas/<str:code>/parts/", parts.parts, name="parts"),
    path("areas/<str:code>/parts.<str:extension>", parts.parts_file, name="parts-file"),
    path("search/", pages.search_page, name="search"),
    path("search/suggest", pages.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
]
