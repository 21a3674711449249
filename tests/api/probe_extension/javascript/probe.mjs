import {answer} from "./probe_part.mjs";

window.probeModule = answer();
