// The ROC curves of one entry.
"use strict";

const [details] = Object.values(overheard.details);
if (document.getElementById("roc")) {
  const draw = () => rocs("roc", Object.entries(details.roc).map(([name, rates]) => ({ name, rates })));
  draw();
  whenColoursChange(draw);
}
