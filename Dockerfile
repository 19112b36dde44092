# Two stages: one builds the jar, the other only runs it. Both bases can be replaced, for example by ones of your own:
#   docker build --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=… .
ARG BUILD_IMAGE=eclipse-temurin:25-jdk
ARG RUNTIME_IMAGE=eclipse-temurin:25-jre

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
RUN ./mvnw -B -q -DskipTests package

FROM ${RUNTIME_IMAGE}
# A number, so that Kubernetes' runAsNonRoot can tell without looking into the image; it needs no entry in /etc/passwd.
USER 10001:10001
WORKDIR /app
# What changes least comes first. routes/, images/ and application.properties can be mounted over.
COPY --from=build /src/target/lib/ lib/
COPY --from=build /src/target/mirror-registry.jar ./
COPY images/ images/
COPY routes/ routes/
COPY application.properties ./
EXPOSE 5000 9000
# bash, as no base promises curl: it is in Debian's and Ubuntu's images, and costs no second JVM.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/${MIRROR_MANAGEMENT_PORT:-9000} && printf 'GET /observe/health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && grep -q '\"UP\"' <&3"]
# Three quarters of the container's memory for the heap; out of it, end and be started again.
ENTRYPOINT ["java", "-XX:MaxRAMPercentage=75", "-XX:+ExitOnOutOfMemoryError", "-jar", "/app/mirror-registry.jar"]
