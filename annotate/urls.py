"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from annotate.views import (
    arrival,
    board,
    datasets,
    home,
    me,
    own_votes,
    practice,
    quality,
    rankings,
    rating,
    reports,
    results,
    run_rating,
    runs,
    signing_in,
    training,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", signing_in.sign_in, name="login"),
    path("sign-in/", signing_in.sign_in, name="account_login"),  # allauth's names for it
    path("sign-in/", signing_in.sign_in, name="account_request_login_code"),
    path("sign-in/code/", signing_in.CodeEntry.as_view(), name="account_confirm_login_code"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
    path("rate/<slug:run>/", rating.rate, name="rate"),
    path("rate/<slug:run>/ahead/", rating.ahead, name="comparison_ahead"),
    path("rate/<slug:run>/undo/", rating.undo, name="undo_vote"),
    path("rate/<slug:run>/skip/", rating.skip, name="skip_comparison"),
    path("rate/<slug:run>/report/", rating.report, name="report_completion"),
    path("rate/<slug:run>/votes/", own_votes.my_votes, name="my_votes"),
    path("rate/<slug:run>/votes/<uuid:token>/", own_votes.my_vote, name="my_vote"),
    path(
        "rate/<slug:run>/votes/<uuid:token>/withdraw/",
        own_votes.withdraw_vote,
        name="withdraw_vote",
    ),
    path("rate/<slug:run>/results/", results.results, name="results"),
    path("rate/<slug:run>/board/", board.board, name="board"),
    path("rate/<slug:run>/welcome/", arrival.welcome, name="welcome"),
    path("rate/<slug:run>/practice/", practice.practise, name="practice"),
    path("invitation/<str:token>/", arrival.invitation, name="invitation"),
    path("me/", me.me, name="me"),
    path("me/languages/", me.languages, name="my_languages"),
    path("me/board/", me.board, name="my_board"),
    path("me/take-back/", me.take_back, name="take_back"),
    path("goodbye/", me.goodbye, name="goodbye"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<slug:slug>/", runs.run, name="run"),
    path("runs/<slug:slug>/close/", runs.close, name="close_run"),
    path("runs/<slug:slug>/quality/", quality.quality, name="quality"),
    path(
        "runs/<slug:slug>/quality/exclude/<int:annotator>/",
        quality.exclude_annotator,
        name="exclude",
    ),
    path(
        "runs/<slug:slug>/quality/exclusions/<int:pk>/undo/",
        quality.undo_exclusion,
        name="undo_exclusion",
    ),
    path("runs/<slug:slug>/rating/", run_rating.run_rating, name="run_rating"),
    path("runs/<slug:slug>/rankings/<int:pk>/", rankings.ranking, name="ranking"),
    path("datasets/<int:pk>/", datasets.dataset, name="dataset"),
    path("datasets/<int:pk>/file", datasets.dataset_file, name="dataset_file"),
    path("training/<int:pk>/", training.training, name="training"),
    path("reports/", reports.reports, name="reports"),
    path("admin/", admin.site.urls),
]
