// The chosen theme, before the first paint (without a choice the system decides), and a last word on errors.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  const show = () => {
    root.dataset.theme = chosen || (system.matches ? "dark" : "light");
  };
  show();
  system.addEventListener("change", show);
  // Here too, because it is there even when the page's own script is not.
  addEventListener("error", () => {
    const banner = document.getElementById("banner");
    if (!banner) return;
    banner.hidden = false;
    banner.dataset.state = "offline";
    banner.textContent = "A script of this page failed. Reload it; if that does not help, the figures are at /api/v1/board.";
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // as above
    }
    show();
  });
})();
