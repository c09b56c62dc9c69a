// Prints as JSON what Screwdriver's own parser makes of the screwdriver.yaml on standard input.
const { readFileSync } = require("fs");
const { parsePipelineYaml } = require("screwdriver-config-parser");

parsePipelineYaml({ yaml: readFileSync(0, "utf8") }).then((parsed) => {
  process.stdout.write(JSON.stringify(parsed));
});
