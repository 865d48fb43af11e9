# syntax=docker/dockerfile:1
# The gateway alone: one program, no shell needed, any user, a root that may be read-only. Its data is in one folder.
#   docker build --tag batch-gpt .
#   docker run --rm --publish 127.0.0.1:8080:8080 --env BATCH_GPT_ALLOW_ANONYMOUS=1 batch-gpt serve --simulate
# compose.yaml runs it beside a MongoDB; docs/operations.md says more.

FROM rust:1.95-trixie AS build
WORKDIR /src
# What cargo needs to see the workspace; tests/packages checks that nothing is missing.
COPY Cargo.toml Cargo.lock ./
# How the allocator is built.
COPY .cargo .cargo
COPY actors actors
COPY bench bench
COPY rig rig
COPY simulator simulator
COPY xtask xtask
COPY tests/crash tests/crash
COPY LICENSE openapi.json prices.json ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin batch-gpt \
    && install --strip target/release/batch-gpt /usr/local/bin/batch-gpt \
    && mkdir --mode=0700 /data

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="batch-gpt" \
      org.opencontainers.image.description="An OpenAI-compatible gateway that turns real-time calls into Batch API jobs" \
      org.opencontainers.image.source="https://github.com/batch-gpt/batch-gpt" \
      org.opencontainers.image.licenses="Apache-2.0"
# The certificates that calls upstream are checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /usr/share/doc/batch-gpt/LICENSE
COPY --from=build /usr/local/bin/batch-gpt /usr/local/bin/batch-gpt
COPY --from=build --chown=65532:65532 /data /var/lib/batch-gpt
# Beyond loopback the gateway starts with BATCH_GPT_API_KEYS only, or with BATCH_GPT_ALLOW_ANONYMOUS=1.
ENV BATCH_GPT_BIND_ADDRESS=0.0.0.0:8080 \
    BATCH_GPT_DATA_DIR=/var/lib/batch-gpt
VOLUME /var/lib/batch-gpt
EXPOSE 8080
USER 65532:65532
# An orderly stop takes BATCH_GPT_DRAIN_SECONDS (30) and some seconds more: docker stop --time 60.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=4 CMD ["/usr/local/bin/batch-gpt", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/batch-gpt"]
CMD ["serve"]
