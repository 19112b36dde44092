package io.mirrorregistry.metrics;

import com.sun.management.UnixOperatingSystemMXBean;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * Measures the process under the names that all Prometheus clients use, which Micrometer has not got: CPU time, open files and memory.
 *
 * @see <a href="https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics">Prometheus, process metrics</a>
 */
final class ProcessMetrics implements MeterBinder {

    private static final double NANOS = 1e9;
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT = "VmRSS:";
    private static final long KILOBYTE = 1024;

    @Override
    public void bindTo(MeterRegistry meters) {
        if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
            FunctionCounter.builder("process.cpu", system, now -> now.getProcessCpuTime() / NANOS).baseUnit("seconds")
                    .description("CPU time of the process, of users and the system").register(meters);
            Gauge.builder("process.open.fds", system, UnixOperatingSystemMXBean::getOpenFileDescriptorCount)
                    .description("Files and connections that the process has open").register(meters);
            Gauge.builder("process.max.fds", system, UnixOperatingSystemMXBean::getMaxFileDescriptorCount)
                    .description("Files and connections that the process may have open").register(meters);
        }
        if (Files.isReadable(STATUS)) {
            Gauge.builder("process.resident.memory", ProcessMetrics::residentBytes).baseUnit("bytes")
                    .description("Memory of the process that is in RAM").register(meters);
        }
    }

    /** Returns NaN if Linux does not say. */
    private static double residentBytes() {
        try (Stream<String> lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(RESIDENT)).findFirst()
                    .map(line -> Long.parseLong(line.substring(RESIDENT.length()).replace("kB", "").strip()) * (double) KILOBYTE).orElse(Double.NaN);
        } catch (IOException | NumberFormatException e) {
            return Double.NaN;
        }
    }
}
