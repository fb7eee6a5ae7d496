"""Addresses of pages and of what they fetch."""

from django.urls import path, re_path

from indicators.views import compare, groups, pages, parts

urlpatterns = [
    path("", pages.home, name="home"),
    path("areas/<str:code>/", pages.area_profile, name="area"),
    path("areas/<str:code>/parts/", parts.parts, name="parts"),
    path("areas/<str:code>/parts.<str:extension>", parts.parts_file, name="parts-file"),
    path("compare/", compare.compare, name="compare"),
    path("compare.<str:extension>", compare.compare_file, name="compare-file"),
    path("groups/", groups.groups, name="groups"),
    re_path(r"^groups/(?P<token>[^/]+)/$", groups.group, name="group"),
    path("search/", pages.search_page, name="search"),
    path("search/suggest", pages.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
]
