/*
 * Lockstep's chat for any site:
 *   <script async src="https://lockstep.example/static/web/widget.js" data-key="wk_…"></script>
 * The key is public: it names the tenant and works only on the sites that the tenant allows.
 * Attributes: data-accent="#0b7565", data-theme="auto|light|dark", data-side="right|left", data-title, data-greeting,
 * data-language, data-open. From scripts: Lockstep.open(), .close(), .toggle().
 */
(() => {
  const script = document.currentScript;
  if (!script || window.Lockstep) return;
  window.Lockstep = { open() {}, close() {}, toggle() {} };
  import(new URL("js/widget/main.js", script.src)).then(
    ({ mount }) => mount(script),
    (error) => console.warn("Lockstep's chat could not be loaded.", error),
  );
})();
