"""Addresses of pages and of what they fetch."""

from django.urls import path, re_path

from indicators.views import (
    about,
    compare,
    feedback,
    groups,
    indicators,
    pages,
    parts,
    profile_files,
    search,
)

urlpatterns = [
    path("", pages.home, name="home"),
    path("areas/<str:code>/", pages.area_profile, name="area"),
    path("areas/<str:code>/figures.<str:extension>", profile_files.all_figures, name="figures"),
    path(
        "areas/<str:code>/figures/<slug:slug>.<str:extension>",
        profile_files.one_figure,
        name="figure",
    ),
    path("feedback/", feedback.feedback, name="feedback"),
    path("feedback/thanks/", feedback.thanks, name="feedback-thanks"),
    path("areas/<str:code>/parts/", parts.parts, name="parts"),
    path("areas/<str:code>/parts.<str:extension>", parts.parts_file, name="parts-file"),
    path("compare/", compare.compare, name="compare"),
    path("compare.<str:extension>", compare.compare_file, name="compare-file"),
    path("groups/", groups.groups, name="groups"),
    re_path(r"^groups/(?P<token>[^/]+)/$", groups.group, name="group"),
    path("search/", search.search_page, name="search"),
    path("search/suggest", search.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
    path("map/<slug:edition>/<slug:indicator>/all.json", indicators.map_whole, name="map-whole"),
    path("map/<slug:edition>/<slug:indicator>/areas.json", indicators.map_areas, name="map-areas"),
    path("indicators/", indicators.indicator_list, name="indicators"),
    path("indicators/<str:slug>/", indicators.indicator_page, name="indicator"),
    path(
        "indicators/<str:slug>/table.<str:extension>",
        indicators.indicator_file,
        name="indicator-file",
    ),
    path("about/", about.index, name="about"),
    path("about/data/", about.data, name="about-data"),
    path("about/method/", about.method, name="about-method"),
    path("about/status-codes/", about.status_codes, name="about-status-codes"),
    path("about/accessibility/", about.accessibility, name="about-accessibility"),
    path("about/privacy/", about.privacy, name="about-privacy"),
    path("robots.txt", about.robots, name="robots"),
    path("sitemap.xml", about.sitemap, name="sitemap"),
]
