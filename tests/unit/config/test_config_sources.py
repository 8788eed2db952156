import json
import string
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from processor.config import Loaded, keys, load
from processor.errors import ConfigurationError
from processor.settings import Settings

WriteToml = Callable[[str], Path]
Refusal = Callable[..., str]


def value_of(loaded: Loaded, key: str) -> object:
    section, _, name = key.rpartition(".")
    return getattr(getattr(loaded.settings, section) if section else loaded.settings, name)


def test_without_file_and_variables_all_is_default() -> None:
    loaded = load({"PATH": "/bin", "HOME": "/"})

    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(toml: WriteToml) -> None:
    path = toml("[redis]\nshards = 3\nprefix = 'p'")

    loaded = load({"DATA_PROCESSOR_REDIS_SHARDS": "4"}, path)

    assert (loaded.settings.redis.shards, loaded.settings.redis.prefix) == (4, "p")
    assert loaded.origins["redis.shards"] == "variable DATA_PROCESSOR_REDIS_SHARDS"
    assert loaded.origins["redis.prefix"] == f"file {path}"
    assert loaded.origins["redis.url"] == "default"


def test_the_path_given_wins_over_the_variable_and_that_over_the_working_directory(tmp_path: Path) -> None:
    for name in ("path", "variable", "data-processor"):
        (tmp_path / f"{name}.toml").write_text(f'host = "{name}"')
    environ = {"DATA_PROCESSOR_CONFIG": "variable.toml"}

    found = [load(environ, Path("path.toml")), load(environ), load({}), load({"DATA_PROCESSOR_CONFIG": ""})]

    assert [loaded.settings.host for loaded in found] == ["path", "variable", "data-processor", "data-processor"]


def test_a_file_that_was_asked_for_must_be_there(refusal: Refusal) -> None:
    assert "nowhere.toml can't be read: No such file" in refusal({}, Path("nowhere.toml"))
    assert "nowhere.toml can't be read: No such file" in refusal({"DATA_PROCESSOR_CONFIG": "nowhere.toml"})
    assert "can't be read: Is a directory" in refusal({}, Path())


def test_each_key_has_a_variable_of_its_own_that_sets_it() -> None:
    assert len(keys.VARIABLES) == len(keys.KEYS)
    assert not set(keys.VARIABLES) & keys.FOREIGN_VARIABLES
    assert not any(variable.startswith("DATA_PROCESSOR_KAFKA_") for variable in keys.VARIABLES)
    for variable, name in keys.VARIABLES.items():
        default = keys.KEYS[name].default
        if name == "redis.password_file" or default == "":
            continue  # secrets have tests of their own
        loaded = load({variable: json.dumps(default).strip('"')})
        assert (value_of(loaded, name), loaded.origins[name]) == (default, f"variable {variable}")


@given(
    shards=st.integers(1, 128),
    seconds=st.floats(0.01, 100),
    name=st.text(string.ascii_letters + string.digits + ".-_", min_size=1, max_size=50),
    gap=st.booleans(),
)
def test_a_value_means_the_same_in_a_file_and_in_a_variable(shards: int, seconds: float, name: str, gap: bool) -> None:
    given_values = {"redis.shards": shards, "flusher.interval_seconds": seconds, "host": name, "worker.accept_gap": gap}
    Path("same.toml").write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in given_values.items()))
    environ = {keys.KEYS[key].variable: json.dumps(value).strip('"') for key, value in given_values.items()}

    assert load({}, Path("same.toml")).settings == load(environ).settings


def test_settings_written_out_are_read_back_the_same(toml: WriteToml) -> None:
    settings = load({"DATA_PROCESSOR_HOST": "vm-7", "DATA_PROCESSOR_KAFKA_CONSUMER_FETCH_MIN_BYTES": "2"}).settings
    text = ""
    for section, values in to_builtins(settings).items():
        text = f"{section} = {json.dumps(values)}\n{text}" if isinstance(values, str) else text
    for section in ("topics", "redis", "worker", "flusher"):
        text += f"[{section}]\n" + "".join(
            f"{k} = {json.dumps(v)}\n" for k, v in to_builtins(settings)[section].items()
        )
    for role in ("client", "consumer", "producer"):
        text += f"[kafka.{role}]\n" + "".join(
            f'"{k}" = {json.dumps(v)}\n' for k, v in getattr(settings.kafka, role).items()
        )

    assert load({}, toml(text)).settings == settings


NAMES = st.sampled_from([*keys.VARIABLES, "DATA_PROCESSOR_KAFKA_LINGER_MS", "DATA_PROCESSOR_X", "OTHER"])


@given(st.dictionaries(NAMES | st.text(max_size=5).map("DATA_PROCESSOR_{}".format), st.text(max_size=20)))
def test_whatever_the_environment_holds_it_is_taken_or_refused(environ: dict[str, str]) -> None:
    try:
        load(environ)
    except ConfigurationError as problem:
        assert str(problem)  # noqa: PT017 (either way is right: only another exception would be wrong)


KEYS_WRITTEN = st.sampled_from([*keys.KEYS, "kafka.linger.ms", "kafka.consumer.fetch.min.bytes", "redis", "kafka"])
VALUES_WRITTEN = st.one_of(
    st.text(string.printable, max_size=9).map(json.dumps),
    st.integers().map(str),
    st.floats().map(lambda number: str(number).replace("e", "e")),
    st.sampled_from(["true", "[]", "{}", "[{}]", "1979-05-27", "''"]),
)


@given(st.dictionaries(KEYS_WRITTEN, VALUES_WRITTEN, max_size=4))
def test_whatever_a_file_holds_it_is_taken_or_refused(values: dict[str, str]) -> None:
    Path("any.toml").write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    try:
        load({}, Path("any.toml"))
    except ConfigurationError as problem:
        assert str(problem)  # noqa: PT017 (either way is right: only another exception would be wrong)
