"""Optuna's gRPC proxy in front of a database: several workers, claims, lost trials, a server that goes away."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from optuna.storages import InMemoryStorage, get_storage
from optuna.trial import TrialState

from searches import proxied_study, shared_study
from searches.errors import SearchError
from searches.proxied_study import ALIVE, CLAIM, MEASURING, ProxiedStudy
from searches.proxy import is_proxy
from searches.storage import is_shared, open_storage, sharing_of
from searches.study import open_study, run_study

pytest.importorskip("grpc", reason="no grpcio here")
TRIALS = 12


@pytest.fixture
def address(tmp_path):
    """A server of a database in SQLite, on a port of its own."""
    import grpc
    from optuna.storages._grpc.auto_generated import api_pb2_grpc
    from optuna.storages._grpc.servicer import OptunaStorageProxyService

    database = open_storage(f"sqlite:///{tmp_path}/study.db")
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    api_pb2_grpc.add_StorageServiceServicer_to_server(OptunaStorageProxyService(get_storage(database)), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"grpc://localhost:{port}"
    server.stop(None).wait()
    database.remove_session()
    database.engine.dispose()


def facts(result):
    return [(record.design_id, record.state, record.figures) for record in result.trials]


def test_one_worker_finds_what_a_search_in_memory_finds(address, Evaluate, make_problem):
    problem = make_problem(Evaluate())
    here = run_study(open_study(problem, InMemoryStorage(), "s", False), problem, "random", 3, TRIALS)
    storage = open_storage(address)
    assert is_proxy(storage)
    assert is_shared(storage)
    with sharing_of(storage, "s", 10) as sharing:
        sharing.salt = ()
        there = run_study(open_study(problem, storage, "s", False), problem, "random", 3, TRIALS, sharing=sharing)
    assert facts(there) == facts(here)
    storage.close()


def test_workers_measure_each_design_once_and_lose_none(address, Evaluate, make_problem, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_study, "LOOK_SECONDS", 0.05)
    problem, evaluates = make_problem(Evaluate()), [Evaluate() for _ in range(3)]
    open_study(problem, open_storage(address), "s", False)

    def work(evaluate):
        storage = open_storage(address)
        own = make_problem(evaluate)
        with sharing_of(storage, "s", 10) as sharing:
            study = open_study(own, storage, "s", True)
            run_study(study, own, "random", 3, TRIALS, sharing=sharing)

    with ThreadPoolExecutor(len(evaluates)) as threads:
        assert len(list(threads.map(work, evaluates))) == 3
    measured = Counter(name for evaluate in evaluates for name in evaluate.designs)
    assert set(measured.values()) == {1}
    study = optuna.load_study(storage=f"sqlite:///{tmp_path}/study.db", study_name="s")
    states = Counter(trial.state for trial in study.trials if "record" in trial.user_attrs)
    assert states == {TrialState.COMPLETE: TRIALS}
    assert all(len(trial.params) == len(problem.space.parameters()) for trial in study.trials if trial.values)


@pytest.fixture
def pair(address, Evaluate, make_problem):
    """Two workers of one study, each with a trial."""
    problem = make_problem(Evaluate())
    open_study(problem, open_storage(address), "s", False)
    workers = []
    for _ in range(2):
        storage = open_storage(address)
        sharing, study = ProxiedStudy(storage, 10), optuna.load_study(storage=storage, study_name="s")
        workers.append((sharing, study, sharing.ask(study).number))
    return workers


def test_a_claim_is_given_up_for_a_lower_number_and_kept_by_whoever_measures(pair):
    (first, study, low), (second, other_study, high) = pair
    assert second.lock(other_study, "a", high)
    assert not first.lock(study, "a", low)
    assert first.lock(study, "b", low)
    assert not second.lock(other_study, "b", high)


def test_of_two_that_claim_at_once_the_lower_number_measures(pair):
    (first, study, low), (second, other_study, high) = pair
    second._claim(second._ids[high], "a", 1)
    assert not first.lock(study, "a", low)  # it may be just about to measure
    assert not second.lock(other_study, "a", high)
    assert first.lock(study, "a", low)


def test_a_trial_without_a_sign_of_life_is_taken_up_once_more_with_its_claim(pair, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(proxied_study.time, "monotonic", lambda: now[0])
    (first, study, low), (second, other_study, high) = pair
    assert second.lock(other_study, "a", high)
    for seconds in (0, 29, 58):
        now[0] = seconds
        second._live(second._ids[high])
        assert first.refresh(study)
    now[0] = 89
    first.refresh(study)
    states = [trial.state for trial in study.get_trials(deepcopy=False) if trial.number == high]
    assert states == [TrialState.FAIL]
    retry = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))[-1]
    assert retry.system_attrs["failed_trial"] == high
    assert retry.system_attrs[CLAIM] == ["a", MEASURING]
    assert not first.lock(study, "a", low)
    assert ALIVE in retry.system_attrs


@pytest.mark.parametrize("url", ["grpc://", "grpc://host", "grpc://host:port", "grpc://host:1/name", "grpc://h:99999"])
def test_addresses_that_name_no_proxy_are_refused(url):
    with pytest.raises(SearchError, match="a proxy is named grpc://host:port"):
        open_storage(url)


def test_a_server_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setattr("searches.proxy.PATIENCE_SECONDS", 0.05)
    with pytest.raises(SearchError, match="no server answers within"):
        open_storage("grpc://localhost:1")


def test_a_retry_that_is_surplus_is_no_trial_that_was_lost_twice():
    from searches.trial_records import SURPLUS, is_settled

    for attributes, settled in (({}, True), ({SURPLUS: True}, False)):
        retry = optuna.create_trial(
            state=TrialState.FAIL,
            params={"bits": 4},
            distributions={"bits": optuna.distributions.CategoricalDistribution((4, 8))},
            user_attrs=attributes,
            system_attrs={"failed_trial": 3, "retry_history": [3]},
        )
        assert is_settled(retry) is settled
