"""For any WSGI server, and for `flask --app wsgi …`."""

from widgets import cli, create_app

app = create_app()
cli.install(app)
