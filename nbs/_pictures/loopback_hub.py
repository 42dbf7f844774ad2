"""A stand-in for the Hugging Face Hub on loopback, for notebooks and tests: repositories in memory, no accounts

It answers what huggingface_hub asks while it downloads files and commits small ones. Large files go to the real Hub
by other ways (Xet, LFS), which this one does not have: it asks for every file inside the commit."""
import base64, hashlib, json, re, threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, token='hf_secret'):
        super().__init__(('127.0.0.1', 0), Handler)
        self.repos, self.private, self.token, self.asked = {}, set(), token, []

    @property
    def url(self): return f'http://127.0.0.1:{self.server_port}'

    def commit(self, repo, files):
        "Add files to a repository, and make it if need be; a file that is `None` goes"
        kept = {**self.repos.get(repo, {}), **files}
        self.repos[repo] = {name: content for name, content in kept.items() if content is not None}


def sha(content): return hashlib.sha1(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_): pass

    def answer(self, content=b'', status=200, **headers):
        if not isinstance(content, bytes): content = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers | {'Content-Length': len(content)}).items():
            self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()
        if self.command != 'HEAD': self.wfile.write(content)

    def is_known(self): return self.headers.get('Authorization') == f'Bearer {self.server.token}'

    def files_of(self, repo, revision='main'):
        "The files of a repository, or an answer that says why not"
        files = self.server.repos.get(repo)
        if files is None or repo in self.server.private and not self.is_known():
            self.answer(status=401, X_Error_Code='RepoNotFound', X_Error_Message='Repository not found')
        elif revision not in ('main', self.head(repo)):
            self.answer(status=404, X_Error_Code='RevisionNotFound', X_Error_Message='Invalid rev id')
        else: return files

    def head(self, repo): return sha(json.dumps({n: sha(c) for n, c in self.server.repos[repo].items()}).encode())

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        if found := re.fullmatch('/api/models/([^/]+/[^/]+)(?:/(revision|tree)/(.+))?', path):
            repo, what, revision = found.groups()
            files = self.files_of(repo, revision or 'main')
            if files is None: return
            if what == 'tree':
                entries = [dict(type='file', path=n, size=len(c), oid=sha(c)) for n, c in files.items()]
                return self.answer(entries)
            siblings = [dict(rfilename=name) for name in files]
            private = repo in self.server.private
            return self.answer(dict(id=repo, sha=self.head(repo), siblings=siblings, private=private))
        if found := re.fullmatch('/([^/]+/[^/]+)/resolve/([^/]+)/(.+)', path):
            repo, revision, name = found.groups()
            files = self.files_of(repo, revision)
            if files is None: return
            if name not in files: return self.answer(status=404, X_Error_Code='EntryNotFound')
            return self.answer(files[name], ETag=f'"{sha(files[name])}"', X_Repo_Commit=self.head(repo))
        self.answer(status=404)

    do_HEAD = do_GET

    def do_POST(self):
        path, body = unquote(urlsplit(self.path).path), self.rfile.read(int(self.headers['Content-Length']))
        self.server.asked.append(path)
        if not self.is_known(): return self.answer(dict(error='Invalid username or password.'), 401)
        if path == '/api/validate-yaml': return self.answer(dict(errors=[], warnings=[]))
        if path == '/api/repos/create': return self.create(**json.loads(body))
        found = re.fullmatch('/api/models/([^/]+/[^/]+)/(preupload|commit)/main', path)
        if not found: return self.answer(status=404)
        if found[2] == 'commit': return self.take(found[1], [json.loads(line) for line in body.splitlines()])
        files = [dict(path=f['path'], uploadMode='regular', shouldIgnore=False) for f in json.loads(body)['files']]
        self.answer(dict(files=files))

    def create(self, name, organization=None, visibility='public', **_):
        repo = f'{organization}/{name}'
        url = f'{self.server.url}/{repo}'
        if repo in self.server.repos: return self.answer(dict(url=url, error='You already created this repo'), 409)
        self.server.commit(repo, {})
        if visibility == 'private': self.server.private.add(repo)
        self.answer(dict(url=url, name=repo, id=repo))

    def take(self, repo, lines):
        for line in lines:
            value = line['value']
            if line['key'] == 'file': self.server.commit(repo, {value['path']: base64.b64decode(value['content'])})
            if line['key'] == 'deletedFile': self.server.commit(repo, {value['path']: None})
        url = f'{self.server.url}/{repo}/commit/{self.head(repo)}'
        self.answer(dict(success=True, commitUrl=url, commitOid=self.head(repo)))


@contextmanager
def loopback_hub(cache):
    "A context in which huggingface_hub talks to a stand-in, and keeps what it downloads in the folder `cache`"
    from huggingface_hub import constants
    hub = Hub()
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    settings = dict(ENDPOINT=hub.url, HUGGINGFACE_CO_URL_TEMPLATE=template, HF_HUB_CACHE=str(cache))
    was = {name: getattr(constants, name) for name in settings}
    for name, value in settings.items(): setattr(constants, name, value)
    try: yield hub
    finally:
        for name, value in was.items(): setattr(constants, name, value)
        hub.shutdown()
        hub.server_close()
