"""Addresses of pages and of what they fetch."""

from django.urls import path

from indicators.views import pages, search

urlpatterns = [
    path("", pages.home, name="home"),
    path("areas/<str:code>/", pages.area_profile, name="area"),
    path("search/", search.search_page, name="search"),
    path("search/suggest", search.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
]
