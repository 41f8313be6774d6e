# The edge and what it runs with, and nothing else: no compiler, no npm, no development packages, no shell to speak of.
# Built from the lock file alone. For a build that is the same bit for bit, give the base by digest:
#   docker build --build-arg NODE=node:26-slim@sha256:... --build-arg REVISION=$(git rev-parse HEAD) -t mimir-edge .
ARG NODE=node:26-slim

FROM ${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json asconfig.json ./
COPY scripts/build.mjs scripts/console-charts.mjs scripts/
COPY proto proto
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="mimir-edge" \
      org.opencontainers.image.description="Enforces every tenant's Mimir limits at the edge" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# What serves needs no package manager.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn*
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# The image's own user `node`, by number: Kubernetes can then see that it is not root.
USER 1000:1000
# Pushes, Envoy, metrics and probes.
EXPOSE 8080 8081 8082
# Where listen.admin is another port, give --health-cmd.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8082/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1: SIGTERM reaches it.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
