"""The page that a chat link opens: a button and no data, the same for every id, whether or not there is such an export."""

import base64
import hashlib
import json

_TOKEN = "dangol.token"  # noqa: S105 - the name under which the console keeps it for its tab, not a secret
_IN_WORK = "아직 준비되지 않았습니다. · This file is not ready yet."
_WORDS = {
    "awaitingApproval": "다른 매니저의 승인을 기다리고 있습니다. · Another manager has to approve this export first.",
    "declined": "다른 매니저가 이 요청을 거절했습니다. · Another manager declined this export.",
    "waiting": _IN_WORK,
    "counting": _IN_WORK,
    "writing": _IN_WORK,
    "verifying": _IN_WORK,
    "failed": "이 파일은 만들지 못했습니다. 다시 요청해 주세요. · This file could not be made. Ask again.",
    "cancelled": "이 요청은 취소되었습니다. · This request was cancelled.",
    "expired": "7일이 지나 파일이 삭제되었습니다. 다시 요청해 주세요. · "
    "This file is gone: its seven days are over. Ask for a new one.",
    "revoked": "이 파일은 회수되었습니다. 다시 요청해 주세요. · This file was revoked. Ask for a new one.",
    "withdrawn": "파일에 담긴 고객이 삭제되어 파일을 회수했습니다. 다시 요청해 주세요. · "
    "This file was withdrawn, because a contact in it was erased. Ask for a new one.",
    "unauthorized": "로그인이 끝났습니다. 다시 로그인해 주세요. · Your sign-in has ended. Sign in again.",
    "forbidden": "이 파일을 요청한 매니저만 권한이 있는 동안 받을 수 있습니다. · "
    "Only the manager who asked for this file can download it, with the permission to export.",
    "notFound": "이런 파일이 없습니다. · There is no such file.",
}
"""What is said of an export's status, or of a refusal's code, once somebody has asked for the file."""

_SCRIPT = """
const note = document.getElementById("note");
const words = WORDS;
const address = "/v1" + location.pathname + "/download";
document.getElementById("command").textContent =
  'curl -OJ -X POST -H "Authorization: Bearer $TOKEN" ' + location.origin + address;
document.getElementById("download").addEventListener("click", async () => {
  const token = sessionStorage.getItem("TOKEN_NAME");
  if (!token) { note.textContent = note.dataset.signin; return; }
  note.textContent = note.dataset.busy;
  const answer = await fetch(address, {method: "POST", headers: {Authorization: "Bearer " + token}});
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({detail: "HTTP " + answer.status}));
    const known = words[problem.exportStatus] || words[problem.code];
    note.textContent = known ? known + (problem.exportStatus === "failed" ? " " + problem.detail : "") : problem.detail;
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "dangol-" + location.pathname.split("/").pop() + ".xlsx";
  link.click();
  URL.revokeObjectURL(link.href);
  note.textContent = note.dataset.done;
});
""".replace("TOKEN_NAME", _TOKEN).replace("WORDS", json.dumps(_WORDS, ensure_ascii=False))

PAGE = f"""<!doctype html>
<html lang="ko">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Dangol</title></head>
<body>
<h1>고객 데이터 다운로드 · <span lang="en">Customer data</span></h1>
<p>파일을 요청한 매니저만, 준비된 뒤 7일 동안 받을 수 있습니다.<br>
<span lang="en">Only the manager who asked for this file can download it, for 7 days after it was ready.</span></p>
<button id="download" type="button">다운로드 · Download</button>
<p id="note" role="status"
   data-signin="이 탭은 로그인되어 있지 않습니다. 로그인한 콘솔 탭에서 링크를 열거나 아래 명령을 쓰세요. · \
This tab is not signed in. Open the link in the console's own tab, or use the command below."
   data-busy="받는 중 · Downloading" data-done="받았습니다 · Done"></p>
<p>파일에 담긴 고객이 삭제되면 파일은 바로 회수됩니다.<br>
<span lang="en">A file is withdrawn at once when a contact in it is erased.</span></p>
<p>콘솔 없이 받기 · <span lang="en">Without a console, with your token:</span></p>
<pre><code id="command"></code></pre>
<script>{_SCRIPT}</script>
</body>
</html>
"""

_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'sha256-{_HASH}'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}
