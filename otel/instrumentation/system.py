"""Watches process and machine by psutil: a handful of observable instruments with semantic-convention names."""

import importlib.util
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel.config import Config
from otel.providers import Providers

if TYPE_CHECKING:
    import psutil

logger = logging.getLogger("otel.system")

Readings = Iterable[Observation]


def instrument(providers: Providers, config: Config) -> Callable[[], None]:
    """Registers the instruments; they end with the meter provider. Without psutil one line of information."""
    if importlib.util.find_spec("psutil") is None:
        logger.info("psutil is not installed: no system metrics (pip install psutil)")
        return lambda: None
    import psutil

    meter = providers.meter.get_meter("otel.system")
    process = psutil.Process()
    _watch_process(meter, process)
    _watch_machine(meter, str(config.home))
    return lambda: None


def _watch_process(meter: Meter, process: "psutil.Process") -> None:
    def cpu_time(_: CallbackOptions) -> Readings:
        times = process.cpu_times()
        yield Observation(times.user, {"cpu.mode": "user"})
        yield Observation(times.system, {"cpu.mode": "system"})

    def context_switches(_: CallbackOptions) -> Readings:
        switches = process.num_ctx_switches()
        yield Observation(switches.voluntary, {"process.context_switch_type": "voluntary"})
        yield Observation(switches.involuntary, {"process.context_switch_type": "involuntary"})

    def one(read: Callable[[], float]) -> Callable[[CallbackOptions], Readings]:
        return lambda _: [Observation(read())]

    meter.create_observable_counter("process.cpu.time", [cpu_time], "s")
    meter.create_observable_counter("process.context_switches", [context_switches], "{context_switch}")
    up_down = meter.create_observable_up_down_counter
    up_down("process.memory.usage", [one(lambda: process.memory_info().rss)], "By")
    up_down("process.memory.virtual", [one(lambda: process.memory_info().vms)], "By")
    up_down("process.thread.count", [one(process.num_threads)], "{thread}")
    if hasattr(process, "num_fds"):
        up_down("process.unix.file_descriptor.count", [one(process.num_fds)], "{file_descriptor}")


def _watch_machine(meter: Meter, folder: str) -> None:
    import psutil

    psutil.cpu_percent()  # the first reading is relative to nothing

    def cpu(_: CallbackOptions) -> Readings:
        yield Observation(psutil.cpu_percent() / 100)

    def memory(_: CallbackOptions) -> Readings:
        figures = psutil.virtual_memory()
        yield Observation(figures.total - figures.available, {"system.memory.state": "used"})
        yield Observation(figures.available, {"system.memory.state": "free"})

    def disk(_: CallbackOptions) -> Readings:
        figures = psutil.disk_io_counters()
        if figures is not None:
            yield Observation(figures.read_bytes, {"disk.io.direction": "read"})
            yield Observation(figures.write_bytes, {"disk.io.direction": "write"})

    def network(_: CallbackOptions) -> Readings:
        figures = psutil.net_io_counters()
        if figures is not None:
            yield Observation(figures.bytes_recv, {"network.io.direction": "receive"})
            yield Observation(figures.bytes_sent, {"network.io.direction": "transmit"})

    def free(_: CallbackOptions) -> Readings:
        yield Observation(psutil.disk_usage(folder).free, {"system.filesystem.state": "free"})

    meter.create_observable_gauge("system.cpu.utilization", [cpu], "1")
    meter.create_observable_up_down_counter("system.memory.usage", [memory], "By")
    meter.create_observable_counter("system.disk.io", [disk], "By")
    meter.create_observable_counter("system.network.io", [network], "By")
    meter.create_observable_up_down_counter("system.filesystem.usage", [free], "By")
