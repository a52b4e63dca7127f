"""The profiler: what it records, and that it is off otherwise."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import _C
from tensorwright.profiler import (
    EventList,
    ProfilerAction,
    ProfilerActivity,
    memory_in_use,
    observe,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)


def names(prof: profile) -> list[str]:
    return [event.name for event in prof.events()]


def test_every_op_is_recorded_in_order() -> None:
    x = tw.ones(4, 4)
    with profile() as prof:
        y = (x @ x).exp()
        y.add_(1)
        y.sum()
    top = [event.name for event in prof.events() if event.parent is None]
    assert top == ["tw::matmul", "tw::exp", "tw::add", "tw::sum"]


def test_ops_that_an_op_calls_lie_in_it() -> None:
    with profile() as prof:
        tw.ones(4, 4) @ tw.ones(4, 4)
    (outer,) = [event for event in prof.events() if event.name == "tw::matmul"]
    (inner,) = [event for event in prof.events() if event.name == "tw::mm"]
    assert inner.parent is outer
    assert outer.children == [inner]
    assert outer.wall_time_total >= inner.wall_time_total > 0
    assert outer.self_wall_time_total == pytest.approx(outer.wall_time_total - inner.wall_time_total)


def test_nothing_is_recorded_outside() -> None:
    before = _C.get_layer_masks()
    with profile() as prof:
        tw.ones(2)
    count = len(prof.events())
    tw.ones(2).exp()
    assert len(prof.events()) == count
    assert _C.get_layer_masks() == before
    assert not _C.profiling()


def test_layer_is_off_after_an_error() -> None:
    prof = profile()

    def failing() -> None:
        with prof:
            tw.ones(2).exp()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        failing()
    assert "tw::exp" in names(prof)
    assert not _C.profiling()
    with profile() as prof, pytest.raises(ValueError, match="matmul"):
        tw.ones(2, 3) @ tw.ones(2, 3)
    assert [event for event in prof.events() if event.wall_time_total < 0] == []


def test_shapes_and_dtypes() -> None:
    with profile(record_shapes=True) as prof:
        tw.cat([tw.ones(2, 3), tw.zeros(1, 3)], dim=0)
        tw.ones(2, 3, dtype=tw.float64) * 2
    (cat,) = [event for event in prof.events() if event.name == "tw::cat"]
    assert cat.input_shapes[:2] == [[2, 3], [1, 3]]
    (mul,) = [event for event in prof.events() if event.name == "tw::mul"]
    assert mul.input_shapes == [[2, 3], []]
    assert mul.input_dtypes == ["float64", ""]
    with profile() as prof:
        tw.ones(2).exp()
    assert all(event.input_shapes == [] for event in prof.events())


def test_bytes_are_those_of_the_allocator() -> None:
    before = memory_in_use()
    with profile(profile_memory=True) as prof:
        x = tw.empty(1000, dtype=tw.float32)
        y = x.exp()
        del x
        z = y + 1
    assert memory_in_use() - before == 8000
    by_name = {event.name: event for event in prof.events() if event.parent is None}
    assert by_name["tw::exp"].allocated == by_name["tw::exp"].cpu_memory_usage == 4000
    assert by_name["tw::add"].memory_in_use == 8000  # x is gone
    del y, z
    assert memory_in_use() == before


def test_bytes_that_another_thread_frees() -> None:
    before = memory_in_use()
    held = [tw.empty(1 << 12)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert memory_in_use() == before
    made: list[tw.Tensor] = []
    thread = threading.Thread(target=lambda: made.append(tw.empty(1 << 12)))
    thread.start()
    thread.join()
    assert memory_in_use() - before == 4 << 12
    made.clear()
    assert memory_in_use() == before


def test_stacks() -> None:
    def somewhere() -> tw.Tensor:
        return tw.ones(3).exp()

    with profile(with_stack=True) as prof:
        somewhere()
    (exp,) = [event for event in prof.events() if event.name == "tw::exp"]
    assert "somewhere" in exp.stack[0]
    assert __file__ in exp.stack[0]
    assert "test_stacks" in exp.stack[1]


def test_named_blocks() -> None:
    @record_function("step")
    def step() -> tw.Tensor:
        return tw.ones(2).exp()

    with profile() as prof, record_function("outer", "x"):
        step()
    assert names(prof)[:2] == ["outer(x)", "step"]
    assert prof.events()[0].kind == "user_annotation"
    assert prof.events()[1].parent is prof.events()[0]
    assert step().shape == (2,)  # without a profiler


def test_time_that_only_passes_is_no_time_of_the_processor() -> None:
    with profile() as prof, record_function("sleep"):
        time.sleep(0.05)
    (event,) = prof.events()
    assert event.wall_time_total >= 50_000
    assert event.cpu_time_total < 20_000


def test_averages_and_table() -> None:
    x, y = tw.ones(64, 64), tw.ones(8, 8)
    with profile(record_shapes=True, profile_memory=True) as prof:
        for _ in range(3):
            x @ x
        y @ y
        y.exp()
    rows = {row.name: row for row in prof.key_averages()}
    assert rows["tw::mm"].count == 4
    assert rows["tw::mm"].key == "tw::mm"
    assert rows["tw::mm"].wall_time == rows["tw::mm"].wall_time_total / 4
    assert rows["tw::mm"].cpu_time == rows["tw::mm"].cpu_time_total / 4
    by_shape = [row for row in prof.key_averages(group_by_input_shape=True) if row.name == "tw::mm"]
    assert sorted((row.count, row.input_shapes[0]) for row in by_shape) == [(1, [8, 8]), (3, [64, 64])]
    averages = prof.key_averages()
    assert isinstance(averages, EventList)
    assert [row.self_wall_time_total for row in averages.sorted_by("self_wall_time_total")] == sorted(
        (row.self_wall_time_total for row in averages), reverse=True
    )
    text = averages.table(sort_by="count", row_limit=1)
    assert "tw::mm" in text or "tw::matmul" in text
    assert "tw::exp" not in text
    assert "Self memory" in text
    assert "tw::exp" in str(averages)
    assert len(averages[:2]) == 2
    total = averages.total_average()
    assert total.self_wall_time_total == pytest.approx(sum(row.self_wall_time_total for row in averages))
    with pytest.raises(ValueError, match="sort_by must be one of"):
        averages.table(sort_by="cuda_time")
    assert "Source" in prof.key_averages(group_by_stack_n=2).table(header="all")


def test_events_of_one_name_inside_each_other_count_their_time_once() -> None:
    with profile() as prof, record_function("a"), record_function("a"):
        time.sleep(0.01)
    (row,) = prof.key_averages()
    assert row.count == 2
    assert row.wall_time_total == pytest.approx(prof.events()[0].wall_time_total)
    assert row.self_wall_time_total == pytest.approx(prof.events()[0].wall_time_total)


def test_chrome_trace(tmp_path: Path) -> None:
    with profile(record_shapes=True, profile_memory=True, with_stack=True) as prof, record_function("block"):
        tw.ones(16, 16).exp()
    for name in ("trace.json", "trace.json.gz"):
        prof.export_chrome_trace(tmp_path / name)
        raw = (tmp_path / name).read_bytes()
        trace = json.loads(gzip.decompress(raw) if name.endswith("gz") else raw)
        events = trace["traceEvents"]
        complete = {event["name"]: event for event in events if event["ph"] == "X"}
        assert set(complete) >= {"block", "tw::exp"}
        exp, block = complete["tw::exp"], complete["block"]
        assert block["ts"] <= exp["ts"] <= exp["ts"] + exp["dur"] <= block["ts"] + block["dur"]
        assert exp["args"]["Input Dims"] == [[16, 16]]
        assert exp["args"]["Bytes allocated"] == 1024
        assert "test_chrome_trace" in exp["args"]["Call stack"]
        assert any(event["ph"] == "C" for event in events)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trace.json", "trace.json.gz"]


def test_stacks_for_flame_graphs(tmp_path: Path) -> None:
    with profile(with_stack=True) as prof, record_function("wait"):
        time.sleep(0.01)
    prof.export_stacks(tmp_path / "stacks", "self_wall_time_total")
    line = (tmp_path / "stacks").read_text().splitlines()[0]
    stack, microseconds = line.rsplit(" ", 1)
    assert stack.endswith(";wait")
    assert int(microseconds) >= 10_000
    with pytest.raises(ValueError, match="unknown metric"):
        prof.export_stacks(tmp_path / "stacks", "cuda")
    with profile() as prof:
        tw.ones(1)
    with pytest.raises(ValueError, match="with_stack"):
        prof.export_stacks(tmp_path / "stacks")


def test_schedule() -> None:
    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    shown = "".join(
        {"NONE": "-", "WARMUP": "w", "RECORD": "r", "RECORD_AND_SAVE": "R"}[plan(i).name] for i in range(12)
    )
    assert shown == "--wrR-wrR---"
    endless = schedule(wait=0, warmup=0, active=1)
    assert endless(1000) is ProfilerAction.RECORD_AND_SAVE
    with pytest.raises(ValueError, match="active must be at least 1"):
        schedule(wait=1, warmup=1, active=0)


def test_steps(tmp_path: Path) -> None:
    kept: list[list[str]] = []

    def ready(prof: profile) -> None:
        kept.append([event.name for event in prof.events() if event.kind == "user_annotation"])

    with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=ready) as prof:
        for _ in range(10):
            tw.ones(2).exp()
            prof.step()
    assert kept == [["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]
    handler = tensorboard_trace_handler(str(tmp_path / "log"), worker_name="w", use_gzip=True)
    with profile(on_trace_ready=handler):
        tw.ones(1).exp()
    (written,) = (tmp_path / "log").iterdir()
    assert written.name.startswith("w.")
    assert written.name.endswith(".pt.trace.json.gz")


def test_threads_have_profilers_of_their_own() -> None:
    other: list[list[str]] = []

    def work() -> None:
        tw.ones(2).sin()
        with profile() as prof:
            tw.ones(2).cos()
        other.append(names(prof))

    for all_threads in (False, True):
        with profile(all_threads=all_threads) as prof:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            tw.ones(2).exp()
        assert "tw::cos" in other.pop()
        assert ("tw::sin" in names(prof)) == all_threads
        assert "tw::cos" not in names(prof)


def test_all_threads_are_recorded() -> None:
    started, go, done = threading.Event(), threading.Event(), threading.Event()
    ids: list[int] = []

    def work() -> None:
        ids.append(threading.get_native_id())
        tw.ones(2).sin()  # before the profile
        started.set()
        go.wait()
        with record_function("inner"):
            tw.ones(3, 4).cos()
        done.set()
        go.wait()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    with profile(record_shapes=True, with_stack=True) as prof:
        go.set()
        done.wait()
        tw.ones(2).exp()
    thread.join()
    tw.ones(2).tan()
    by_name = {event.name: event for event in prof.events()}
    assert not {"tw::sin", "tw::tan"} & set(by_name)
    assert by_name["tw::cos"].thread == ids[0]
    assert by_name["tw::exp"].thread == threading.get_native_id()
    assert by_name["tw::cos"].parent is by_name["inner"]
    assert by_name["tw::exp"].parent is None
    assert by_name["tw::cos"].input_shapes == [[3, 4]]
    assert any("work" in line for line in by_name["tw::cos"].stack)
    assert [event.start for event in prof.events()] == sorted(event.start for event in prof.events())
    trace = chrome_rows(prof)
    assert {row["tid"] for row in trace if row["ph"] == "X"} == {ids[0], threading.get_native_id()}


def chrome_rows(prof: profile) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        prof.export_chrome_trace(path)
        with open(path) as file:
            rows: list[dict[str, Any]] = json.load(file)["traceEvents"]
    return rows


def test_threads_that_go_on_after_the_profile() -> None:
    end = threading.Event()
    counts = [0] * 3

    def work(place: int) -> None:
        x = tw.ones(4)
        while not end.is_set():
            with record_function("turn"):
                x = (x * 2).clamp(max=8)
            counts[place] += 1

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        with profile() as prof:
            before = sum(counts)  # read inside: of four turns of three threads one began and ended in the profile
            while sum(counts) < before + 4:
                tw.ones(2).exp()
        assert all(event.wall_time_total >= 0 and event.cpu_time_total >= 0 for event in prof.events())
        turns = [event for event in prof.events() if event.name == "turn"]
        assert turns
        assert {child.name for turn in turns for child in turn.children} <= {"tw::mul", "tw::clamp", "tw::clamp_max"}
    end.set()
    for thread in threads:
        thread.join()
    assert not any("tw::exp" in names(prof) for prof in [profile()])


def test_one_profile_at_a_time_covers_all_threads() -> None:
    def in_thread(function: Callable[[], object]) -> None:
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    inner: list[profile] = []

    def second() -> None:
        with profile() as prof:
            in_thread(lambda: tw.ones(2).cos())
        inner.append(prof)

    with profile() as first:
        in_thread(second)
    assert "tw::cos" in names(first)
    assert "tw::cos" not in names(inner[0])
    in_thread(second)
    assert "tw::cos" in names(inner[1])


def test_refusals() -> None:
    with profile(), pytest.raises(RuntimeError, match="do not nest"):
        profile().start()
    with pytest.raises(RuntimeError, match="no profiler to stop"):
        _C.profile_stop()
    with pytest.raises(ValueError, match="activities"):
        profile(activities=["gpu"])  # type: ignore[list-item]
    assert supported_activities() == {ProfilerActivity.CPU}
    with profile(activities=[ProfilerActivity.CPU]):
        pass


# ---- observers -------------------------------------------------------------------------------------------


def test_an_observer_sees_each_op_when_it_has_ended() -> None:
    seen: list[tuple[str, int]] = []
    with observe(lambda name, args, results, depth: seen.append((name, depth))):
        tw.ones(4, 4) @ tw.ones(4, 4)
    tw.ones(2)
    assert seen == [("tw::ones", 0), ("tw::ones", 0), ("tw::mm", 1), ("tw::matmul", 0)]
    assert _C.get_layer_masks() == (0, 0)


def test_an_observer_gets_arguments_and_results() -> None:
    x, seen = tw.ones(2), []
    with observe(lambda name, args, results, depth: seen.append((args, results))):
        x.add_(1, alpha=3)
        tw.cat([x, x])
    (self, other, alpha), (result,) = seen[0]
    assert self is x
    assert result is x
    assert (other, alpha) == (1, 3)
    assert seen[1][0][0] == (x, x)


def test_what_an_observer_computes_is_neither_observed_nor_recorded() -> None:
    totals = []
    with profile() as prof, observe(lambda name, args, results, depth: totals.append(results[0].sum().item())):
        tw.ones(3)
    assert totals == [3.0]
    assert names(prof) == ["tw::ones"]


def test_an_error_of_an_observer_is_that_of_the_op() -> None:
    def refuse(name: str, args: object, results: object, depth: int) -> None:
        if depth == 1:
            raise KeyError(name)

    x = tw.ones(4, 4)
    with pytest.raises(KeyError, match="tw::mm"), observe(refuse):
        x @ x
    assert (x @ x).sum().item() == 64
    with observe(refuse):
        x.exp()


def test_observers_do_not_nest() -> None:
    seen: list[str] = []
    with observe(lambda name, args, results, depth: seen.append(name)):
        with pytest.raises(RuntimeError, match="observed already"), observe(print):
            pass
        tw.ones(1)
    assert seen == ["tw::ones"]


def test_results_of_ops_that_observers_refuse_are_freed() -> None:
    def refuse(name: str, args: object, results: object, depth: int) -> None:
        raise ValueError(name)

    before = memory_in_use()
    for _ in range(3):
        with pytest.raises(ValueError, match="tw::ones"), observe(refuse):
            tw.ones(1000)
    assert memory_in_use() == before
