r"""The pages, and an endpoint for clients of OpenAI's speech API, in front of running models.

  python -m test_models.app whisper_asr=http://localhost:8080 hanlp_ner=http://localhost:8081

Each model is asked what it does; one that is down is asked again when it is up. One that doesn't
describe itself, such as MLflow's own server, is told by `--task NAME=TASK`.

One address serves all: `/` finds which models are up; `/asr`, `/ner`, `/caption`, `/other` and
`/evaluate` are the pages; what the `openai` client sends to `/v1/...` goes on to the model that it
names. The key for a gateway is read from THERESA_API_KEY. Nothing is loaded from elsewhere, and an
upload is deleted when it is answered.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from test_models import labels, look, openai_api, realtime_proxy, start
from test_models.asr import downloads
from test_models.asr import page as asr
from test_models.calls import ServiceError
from test_models.caption import maps, searching
from test_models.caption import page as caption
from test_models.caption.collection import Collection, read_directories
from test_models.evaluate import page as evaluate
from test_models.ner import page as ner
from test_models.other import page as other
from test_models.services import Services, parse, told

PAGES = {"asr": asr, "ner": ner, "caption": caption, "other": other, "evaluate": evaluate}
AT_ONCE = 16  # people whose requests of one kind are answered at a time
MAX_UPLOAD = 70_000_000  # bytes: in base64 it is what a model's server takes, 100 MB


def create(
    services: Services, max_upload: int = MAX_UPLOAD, collection: Collection | None = None
) -> FastAPI:
    """The app.

    Args:
        max_upload: bytes that a file may have.
        collection: of photos, whose map the page of photos shows.
    """
    warnings.filterwarnings("ignore", message="SSR mode is not supported")  # nor asked for
    app = FastAPI(title="Theresa", docs_url=None, redoc_url=None)
    for folder in start.CARDS.glob("*/samples"):
        app.mount(f"/samples/{folder.parent.name}", StaticFiles(directory=folder))
    app.include_router(openai_api.router(services, max_upload))
    app.include_router(maps.router(collection))
    app.include_router(searching.router(services))
    app.include_router(downloads.router())
    realtime_proxy.register(app, services)
    return gr.mount_gradio_app(
        app,
        pages(services),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=max_upload,
        ssr_mode=False,
        mcp_server=False,
        theme=look.theme(),
        css=look.css(),
        head=look.head(max_upload),
        i18n=labels.translations(),
    )


def pages(services: Services) -> gr.Blocks:
    """The start page and a page per task."""
    with gr.Blocks(
        title="Theresa", analytics_enabled=False, fill_width=True, delete_cache=(60, 600)
    ) as blocks:
        start.build(services)
    for path, page in PAGES.items():
        with blocks.route(path, path, show_in_navbar=False):
            page.build(services)
    blocks.queue(default_concurrency_limit=AT_ONCE)
    return blocks


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(
        prog="python -m test_models.app",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="NAME=URL", help="the server, or a gateway's "
                        "route to it")  # fmt: skip
    parser.add_argument("--task", action="append", default=[], metavar="NAME=TASK",
                        help="what a model does that doesn't describe itself, such as "
                             "thai=automatic-speech-recognition")  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="(%(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="(%(default)s)")
    parser.add_argument("--max-upload", type=int, default=MAX_UPLOAD, metavar="BYTES",
                        help="a larger file is refused (%(default)s)")  # fmt: skip
    parser.add_argument("--map", type=Path, nargs="+", metavar="DIRECTORY",
                        help="what explore.py of clip_caption wrote of a collection of photos: its "
                             "map, and its embeddings")  # fmt: skip
    args = parser.parse_args()
    key = os.environ.get("THERESA_API_KEY")
    try:
        services = Services(told([parse(one, key) for one in args.models], args.task))
        collection = read_directories(args.map) if args.map else None
    except ServiceError as error:
        sys.exit(f"test_models.app: {error}")
    asyncio.run(services.states())  # what is up says what it is
    with tempfile.TemporaryDirectory(prefix="theresa-pages-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        app = create(services, args.max_upload, collection)
        print(f"http://{args.host}:{args.port} has the pages.", flush=True)
        uvicorn.run(app, host=args.host, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
