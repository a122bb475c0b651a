// Files: asks for a run when one could not be made, so that the server can say why: Streamlit only says that it could not.

export class Files {
  update(_data, { tell }) {
    this.tell = tell;
  }

  attach() {
    const failed = document.querySelector("[data-testid=stDownloadButtonError]");
    if (failed && failed !== this.failed) this.tell({ failed: true });
    this.failed = failed;
  }
}
