# One stage builds the jar, one has the mirror run once for its AOT cache, and the last only runs it. Both bases can be replaced, for example by ones of your own:
#   docker build --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=… .
ARG BUILD_IMAGE=eclipse-temurin:25-jdk
ARG RUNTIME_IMAGE=eclipse-temurin:25-jre

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
# Without the release archive, which has files that are not here.
RUN ./mvnw -B -q -DskipTests -Dassembly.skipAssembly package

FROM ${RUNTIME_IMAGE} AS mirror
WORKDIR /app
# What changes least comes first. routes/, images/ and application.properties can be mounted over.
COPY --from=build /src/target/lib/ lib/
COPY --from=build /src/target/mirror-registry.jar ./
COPY images/ images/
COPY routes/ routes/
COPY application.properties ./

FROM mirror AS training
COPY deploy/docker/aot-cache.sh /
RUN bash /aot-cache.sh /app/mirror-registry.jar /app/mirror-registry.aot -XX:+UseSerialGC

FROM mirror
COPY --from=training /app/mirror-registry.aot ./
# For a volume with the database of warming (docs/warming.md): a new volume of docker gets the owner of this folder.
RUN mkdir data && chown 10001:10001 data
# A number, so that Kubernetes' runAsNonRoot can tell without looking into the image; it needs no entry in /etc/passwd.
USER 10001:10001
EXPOSE 5000 9000
# bash, as no base promises curl: it is in Debian's and Ubuntu's images, and costs no second JVM.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/${MIRROR_MANAGEMENT_PORT:-9000} && printf 'GET /observe/health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && grep -q '\"UP\"' <&3"]
# UseSerialGC: on one core any other collector takes memory and gives nothing for it.
# MaxRAMPercentage: the heap's share of the container's memory; the rest is for buffers of the network, threads and Java itself.
# ExitOnOutOfMemoryError: out of memory, end and be started again.
# AOTCache: classes as the training run left them. IgnoreUnrecognizedVMOptions: a Java before 25 knows no AOTCache, and needs none.
ENTRYPOINT ["java", "-XX:+UseSerialGC", "-XX:MaxRAMPercentage=40", "-XX:+ExitOnOutOfMemoryError", \
  "-XX:+IgnoreUnrecognizedVMOptions", "-XX:AOTCache=/app/mirror-registry.aot", "-jar", "/app/mirror-registry.jar"]
