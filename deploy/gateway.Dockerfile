# The gateway with its table of addresses and the document of all operations, of the same version as the services' images:
# docker build -f deploy/gateway.Dockerfile .
FROM caddy:2.11.7
COPY deploy/Caddyfile /etc/caddy/Caddyfile
COPY docs/openapi.json /srv/docs/openapi.json
USER 10001
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
