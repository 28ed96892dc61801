FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir ".[rabbitmq]" && useradd --create-home lifecycle
USER lifecycle
ENTRYPOINT []
CMD ["lifecycle", "run"]
