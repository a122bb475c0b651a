// Files: asks for a run when a file could not be made. The server then says why; Streamlit alone would not.

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
