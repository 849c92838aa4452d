// Rules for the annotation page; `make lint-page` runs them.
const browser = [
  "AudioContext", "Blob", "URL", "URLSearchParams", "Uint8Array", "addEventListener", "clearInterval",
  "crypto", "document", "fetch", "localStorage", "location", "performance", "scrollTo",
  "setInterval", "setTimeout", "window",
];
const page = ["PlaneRating", "initJsPsych", "jsPsychHtmlButtonResponse", "jsPsychModule",
  "jsPsychSurveyHtmlForm"];

export default [
  { ignores: ["muvistats/annotate/assets/jspsych/", "docs/", "**/.venv*/"] },
  {
    files: ["muvistats/annotate/assets/*.js"],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: "script",
      globals: Object.fromEntries([...browser, ...page].map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      complexity: ["error", 12],
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-len": ["error", { code: 105 }],
      "max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
      "no-const-assign": "error",
      "no-dupe-keys": "error",
      "no-empty": "error",
      "no-eval": "error",
      "no-fallthrough": "error",
      "no-implicit-globals": "off",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-promise-executor-return": "off",
      "no-self-assign": "error",
      "no-shadow": "error",
      "no-undef": "error",
      "no-unreachable": "error",
      "no-unused-vars": ["error", { varsIgnorePattern: "^PlaneRating$" }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      strict: ["error", "global"],
    },
  },
];
