"""Addresses of pages and of what they fetch."""

from django.urls import path

from indicators.views import feedback, pages, profile_files

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
    path("search/", pages.search_page, name="search"),
    path("search/suggest", pages.suggest, name="suggest"),
    path("map/<slug:edition>/<slug:indicator>.json", pages.map_values, name="map-values"),
]
