"""The page that a chat link opens: a button and no data, the same for every id, whether or not there is such an export."""

import base64
import hashlib

_SCRIPT = """
const note = document.getElementById("note");
document.getElementById("download").addEventListener("click", async () => {
  const token = sessionStorage.getItem("dangol.token");
  if (!token) { note.textContent = note.dataset.signin; return; }
  note.textContent = note.dataset.busy;
  const headers = {Authorization: "Bearer " + token};
  const answer = await fetch("/v1" + location.pathname + "/download", {method: "POST", headers});
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({detail: "HTTP " + answer.status}));
    note.textContent = problem.detail;
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "dangol-" + location.pathname.split("/").pop() + ".xlsx";
  link.click();
  note.textContent = note.dataset.done;
});
"""

PAGE = f"""<!doctype html>
<html lang="ko">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Dangol</title></head>
<body>
<h1>고객 데이터 다운로드 · Customer data</h1>
<p>파일을 요청한 매니저만 받을 수 있으며, 준비된 뒤 7일 동안 유효합니다.<br>
Only the manager who asked for this file can download it, for 7 days after it was ready.</p>
<button id="download" type="button">다운로드 · Download</button>
<p id="note" role="status"
   data-signin="콘솔에 로그인한 창에서 이 링크를 여세요. · Open this link in a window that is signed in to the console."
   data-busy="받는 중 · Downloading" data-done="받았습니다 · Done"></p>
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
