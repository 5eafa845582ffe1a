"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.i18n import set_language

from annotate.views import arrival, datasets, home, quality, rankings, rating, runs, training

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
    path("rate/<slug:run>/", rating.rate, name="rate"),
    path("rate/<slug:run>/welcome/", arrival.welcome, name="welcome"),
    path("invitation/<str:token>/", arrival.invitation, name="invitation"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<slug:slug>/", runs.run, name="run"),
    path("runs/<slug:slug>/quality/", quality.quality, name="quality"),
    path("runs/<slug:slug>/rankings/<int:pk>/", rankings.ranking, name="ranking"),
    path("datasets/<int:pk>/", datasets.dataset, name="dataset"),
    path("datasets/<int:pk>/file", datasets.dataset_file, name="dataset_file"),
    path("training/<int:pk>/", training.training, name="training"),
    path("admin/", admin.site.urls),
]
