"""Settings refuse what they do not understand, and the secret key is made once."""

import stat
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from annotate import settings


def test_secret_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    key = settings.secret_key(tmp_path)
    assert len(key) >= 50
    assert settings.secret_key(tmp_path) == key
    (path,) = tmp_path.iterdir()
    assert (path.name, path.read_text()) == ("secret_key", key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secret_key_is_one_for_all_that_start_at_one_moment(tmp_path: Path) -> None:
    """None of them may read a key that is there and not written yet, or replace one."""
    for attempt in range(20):
        home = tmp_path / str(attempt)
        home.mkdir()
        start, keys = threading.Barrier(8, timeout=30), []

        def read(
            home: Path = home, start: threading.Barrier = start, keys: list[str] = keys
        ) -> None:
            start.wait()
            keys.append(settings.secret_key(home))

        threads = [threading.Thread(target=read) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (len(keys), len(set(keys)), len(keys[0])) == (8, 1, 64)
        assert [path.name for path in home.iterdir()] == ["secret_key"]


def test_secret_key_of_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    assert settings.secret_key(tmp_path) == "from the environment"
    secret = tmp_path / "mounted"
    secret.write_text("from a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(secret))
    assert settings.secret_key(tmp_path) == "from a file"
    assert list(tmp_path.iterdir()) == [secret]


def test_databases_takes_postgresql_by_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("postgresql", "postgres"):
        monkeypatch.setenv("DATABASE_URL", f"{scheme}://me:p%40ss@db.example:5433/arena")
        database = settings.databases(tmp_path)["default"]
        assert database["ENGINE"] == "django.db.backends.postgresql"
        told = [database[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")]
        assert told == ["me", "p@ss", "db.example", 5433, "arena"]
        assert database["CONN_HEALTH_CHECKS"] is True


@pytest.mark.parametrize("url", ["mysql://me:secret@h/d", "sqlite:///d", "postgresql", "x://h/d"])
def test_databases_refuses_another_kind_and_tells_no_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refusal:
        settings.databases(tmp_path)
    assert str(refusal.value) == "DATABASE_URL must begin with postgresql://"


def test_databases_without_a_url_lie_under_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    database = settings.databases(tmp_path)["default"]
    assert database["ENGINE"] == "annotate.postgres"
    assert database["OPTIONS"]["pgdata"] == str(tmp_path / "postgres")


@pytest.mark.parametrize("text", ["1", "true", "yes", ""])
def test_env_bool_refuses_all_but_true_and_false(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", text)
    with pytest.raises(ImproperlyConfigured, match="it must be True or False"):
        settings.env_bool("DEBUG", default=False)


def test_env_bool_and_env_list_read_what_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG", raising=False)
    assert settings.env_bool("DEBUG", default=True) is True
    monkeypatch.setenv("DEBUG", "False")
    assert settings.env_bool("DEBUG", default=True) is False
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example, ,b.example ")
    assert settings.env_list("ALLOWED_HOSTS", []) == ["a.example", "b.example"]
    monkeypatch.delenv("ALLOWED_HOSTS")
    assert settings.env_list("ALLOWED_HOSTS", ["c.example"]) == ["c.example"]
